"""The backtest and the leak test: copies of the chats, models tuned on them, figures, and what the report says."""
