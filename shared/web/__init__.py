"""HTTP, the same way in every house: answers, problems, keys, limits, health."""
