"""Scenarios of whole runs on the cluster with the stand-in (`tests.standin`): decisions, records, fences, crashes."""
