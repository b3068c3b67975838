"""From recorded samples to a judged candidate model: when, on what, how, and whether it is promoted."""
