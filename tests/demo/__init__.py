"""The demo: from nothing to a Ready tenant environment on a real cluster, with every command shown before it is run.

`story` is the demo, step by step; `screen` shows it; `fleet` is its git repository, `background` what goes on running
after it, `services` the teams' part, `waiting` waits. All of its state is in `.demo/<cluster>/`. Called by `make demo`.
"""
