"""The one loop that trains every module, and how it steps, stops and resumes."""
