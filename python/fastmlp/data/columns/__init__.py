"""What is learned of one column of a table, and how it becomes numbers; targets, and back."""
