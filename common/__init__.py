"""What every phase needs: configuration, logging, files, problems, prompts."""
