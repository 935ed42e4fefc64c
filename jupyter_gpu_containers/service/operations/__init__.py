"""What people who run a machine want to know: metrics, the audit trail, the lines of the log."""
