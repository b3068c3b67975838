"""The model registry: MLflow by REST or directly, and the model files on this machine."""
