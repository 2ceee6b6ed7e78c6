"""What chat models are told: pure text, made from what people asked and said."""
