"""Speed, scale and memory: each figure beside its goal, taken on real services on this machine."""
