"""Does the accuracy court convict? Defects are planted in the product, and the suite must tell."""
