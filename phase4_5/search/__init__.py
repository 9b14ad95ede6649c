"""The search: programs under steering, computed, and kept; the only room with torch."""
