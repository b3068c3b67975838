"""When an error budget will be gone."""
