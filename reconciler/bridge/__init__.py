"""The bridge: what runs in the pods of a workflow's steps. `discover` lists what to do, `step` does one thing."""
