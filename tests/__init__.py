"""The tests of jupyter_gpu_containers; see CONTRIBUTING."""
