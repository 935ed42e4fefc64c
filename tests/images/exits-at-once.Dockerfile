# An entry point that refuses and exits, as images with a licence to accept do.
FROM jgc-test/debian12:py311
ENTRYPOINT ["/bin/sh", "-c", "echo 'licence not accepted' >&2; exit 3", "entrypoint"]
