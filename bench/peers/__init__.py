"""streamdicom beside other libraries and programs, each in processes of its own."""
