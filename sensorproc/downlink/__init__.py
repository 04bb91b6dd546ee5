"""The interface control document as code: fields, records, packets and their dictionary. It knows neither side."""
