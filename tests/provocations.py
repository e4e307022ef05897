PROVOCATIONS: list = []
