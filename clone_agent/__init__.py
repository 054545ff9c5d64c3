"""The clone itself: records, chat exports, the archive, sessions, the agent."""
