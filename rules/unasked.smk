"""Unasked: targets whose section is missing in the region file end with one sentence that says which and how it looks.

Needs: nothing.
Makes: nothing. kilnscan/unasked.py knows the targets; where the section is there, another file has the rule.
"""

for target, sentence in unasked(settings).items():

    rule:
        """Say what the region file lacks for this target."""
        name:
            target
        input:
            refusal(sentence),
