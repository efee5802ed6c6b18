"""Tables, repositories, and the audit trail."""
