# Says of itself what CUDA images say: wants every GPU it can get, and a driver for CUDA 12.4.
FROM jgc-test/debian12:py311
ENV CUDA_VERSION=12.4.1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    NVIDIA_REQUIRE_CUDA="cuda>=12.4 brand=tesla,driver>=470,driver<471" \
    NVIDIA_PRODUCT_NAME=PyTorch \
    NVIDIA_PYTORCH_VERSION=25.08 \
    PYTORCH_VERSION=2.8.0a0
LABEL org.opencontainers.image.title="PyTorch 25.08"
