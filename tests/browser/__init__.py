"""Tests in Chromium, driven through playwright-core."""
