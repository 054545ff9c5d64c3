"""One tuning method a file, each with one attach(model, config)."""
