"""Looking after a store: proving it whole, and giving back what nobody needs."""
