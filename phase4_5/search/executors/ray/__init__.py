"""Cells on several GPUs or machines, with Ray, which is imported only where it is asked for."""
