"""The review: a person looks at programs, marks them, and chooses."""
