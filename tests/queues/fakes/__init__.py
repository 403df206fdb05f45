"""Stateful fakes of CI systems over real HTTP, written from their documentation."""
