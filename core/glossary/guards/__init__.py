"""What the words of a correction say: amounts, days, units, and the sense of a sentence."""
