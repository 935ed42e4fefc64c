# An entry point that runs for ever and never hands over to the kernel.
FROM jgc-test/debian12:py311
ENTRYPOINT ["/bin/sh", "-c", "echo 'waiting for a licence server'; exec sleep infinity", "entrypoint"]
