"""Documents that come with requests and answers: their bytes outside the graph, what is known of them inside."""
