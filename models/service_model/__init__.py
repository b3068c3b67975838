"""What judges the rows of a service as a whole: whitening, Isolation Forest, distance, calibration."""
