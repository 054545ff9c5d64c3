"""The commands of `clone-agent`, one module a group. They import heavy packages only when they run."""
