"""What a run costs, and what the machine under it does: clocks of stages, samples, devices."""
