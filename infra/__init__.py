"""How the sampler is run and tried out: nothing in here goes into the Lambda artifact."""
