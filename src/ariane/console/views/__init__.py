"""The screens, one a file: each reads the rooms' faces into a typed context and names its template."""
