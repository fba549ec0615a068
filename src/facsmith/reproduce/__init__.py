"""The paper, reproduced: every experiment on a model, and what the paper did not measure."""
