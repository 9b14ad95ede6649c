"""Lanes: many steerings of many prompts decoded in one batch, with the tokens of one at a time.

- `decoder`: which lanes are in the batch, and which tokens they take.
- `forward`: a pass through the model, each lane with its own steering.
- `cache`: the lanes' keys and values, and attention over them.
- `drafts`: guessing what comes next, to check many tokens in one pass.
- `tolerance`: how near two logits must be for rounding to matter.
- `twin`: the view of the model that the lanes use.
- `processes`: the lanes of a small model in several processes.
"""

from common_simplified.lanes.decoder import LaneCounts, LaneDecoder
from common_simplified.lanes.processes import ForkedDecoding, processes_for

__all__ = ["ForkedDecoding", "LaneCounts", "LaneDecoder", "processes_for"]
