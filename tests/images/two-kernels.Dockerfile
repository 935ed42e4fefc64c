# Two kernels in one image: Python, and Python without colours under a name of its own.
FROM jgc-test/debian12:py311
RUN mkdir -p /usr/local/share/jupyter/kernels/plain \
 && printf '%s' '{"argv": ["python3", "-m", "ipykernel_launcher", "-f", "{connection_file}", "--colors=NoColor"], "display_name": "Plain Python", "language": "python", "metadata": {}}' \
    > /usr/local/share/jupyter/kernels/plain/kernel.json
