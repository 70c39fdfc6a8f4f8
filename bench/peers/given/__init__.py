"""What each peer's own interpreter runs: `python <peer>.py ROW STEPS SLOTS`; the last line is JSON: seconds, and latency where asked.

ROW is chain, fan, many (all steps do nothing) or first (one step, which tells its moment). Each runs in an empty folder.
"""
