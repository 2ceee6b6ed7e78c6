"""HTTP, chat completions, models and audio, as all engines behind HTTP use them."""
