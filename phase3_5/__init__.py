"""Phase 3.5: temperature robustness on the validation split."""
