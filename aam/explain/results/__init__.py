"""What is made of the methods' findings: effects of several models together, associations, tables, the explanation."""
