"""Phase 2.5: SAE latents that tell right programs from wrong ones."""
