"""The linear probe: how useful a frozen network's features are for classes it never saw."""
