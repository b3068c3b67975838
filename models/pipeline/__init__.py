"""The fold over samples: state and columns in, new state and results out."""
