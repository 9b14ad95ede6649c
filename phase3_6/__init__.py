"""Phase 3.6: the greedy baseline on the hyperparameter split."""
