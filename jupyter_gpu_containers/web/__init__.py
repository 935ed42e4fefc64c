"""REST under ``/gpu-containers``: openapi.yaml is the contract, handlers translate."""
