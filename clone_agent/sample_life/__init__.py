"""An invented owner with exports and questions: demo, tests, evaluation."""
