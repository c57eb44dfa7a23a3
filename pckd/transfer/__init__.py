"""The linear probe: how well the features of a frozen network serve classes it never saw."""
