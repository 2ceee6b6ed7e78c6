"""Chat completions: questions, also about recordings, and MiMo's dialect of them."""
